package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tutti-ci/tutti/dsl"
)

func explainCommand(con console) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "explain [CODE]",
		Short: "Say more about the code of a mistake, with examples",
		Long:  `Explains a code such as E204, which stands before a mistake. Without CODE it lists them all.`,
		Args:  cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return listCodes(con, asJSON)
			}
			return explain(con, strings.Trim(args[0], "[] "), asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, with the text in Markdown")
	return cmd
}

func listCodes(con console, asJSON bool) error {
	pages := dsl.CodePages()
	if asJSON {
		list := make([]map[string]string, len(pages))
		for i, p := range pages {
			list[i] = map[string]string{"code": p.Code, "title": p.Title}
		}
		return printJSON(con.Out, map[string]any{"codes": list})
	}
	for _, p := range pages {
		fmt.Fprintf(con.Out, "%s  %s\n", p.Code, p.Title)
	}
	return nil
}

// explain prints what is known of a code, with or without its letter.
func explain(con console, code string, asJSON bool) error {
	if code != "" && strings.Trim(code, "0123456789") == "" {
		code = "E" + code
	}
	for _, p := range dsl.CodePages() {
		if asJSON && strings.EqualFold(p.Code, code) {
			return printJSON(con.Out, map[string]string{"code": p.Code, "title": p.Title, "text": p.Markdown})
		}
	}
	if text, ok := dsl.Explain(code); ok {
		fmt.Fprint(con.Out, text)
		return nil
	}
	if nearest := dsl.NearestCode(code); nearest != "" {
		return failed(fmt.Errorf("there is no code %q; did you mean %s?", code, nearest))
	}
	return failed(fmt.Errorf("there is no code %q; 'tutti explain' lists them all", code))
}
