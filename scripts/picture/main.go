// Command picture signs a headless Chromium in to a Tutti server and takes a picture of one of its pages.
//
// It owns nothing but that: scripts/screenshot makes the server and the run, and calls it.
package main

import (
	"context"
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"time"

	"github.com/chromedp/chromedp"
)

// patience bounds the whole visit.
const patience = time.Minute

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var v visit
	flag.StringVar(&v.Link, "link", "", "one-use sign-in link, as tutti login-link prints it")
	flag.StringVar(&v.Path, "path", "/", "the page, as in /runs/1")
	flag.StringVar(&v.WaitFor, "wait-for", "main", "CSS selector of what must be on the page before the picture is taken")
	flag.Int64Var(&v.Width, "width", 1280, "width of the window")
	flag.Int64Var(&v.Height, "height", 800, "height of the window")
	out := flag.String("out", "run.png", "file to write")
	flag.Parse()
	if err := v.save(ctx, *out); err != nil {
		fmt.Fprintf(os.Stderr, "picture: %v\n", err)
		os.Exit(1)
	}
}

// A visit is one look at a page.
type visit struct {
	Link, Path, WaitFor string
	Width, Height       int64
}

func (v visit) save(ctx context.Context, path string) error {
	picture, err := v.take(ctx)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, picture, 0o644); err != nil {
		return fmt.Errorf("writing the picture: %w", err)
	}
	return nil
}

// take signs in, goes to the page and answers its picture as PNG.
func (v visit) take(ctx context.Context) ([]byte, error) {
	link, err := url.Parse(v.Link)
	if err != nil || link.Host == "" {
		return nil, fmt.Errorf("-link %q is not a link from tutti login-link", v.Link)
	}
	query := link.Query()
	query.Set("next", v.Path)
	link.RawQuery = query.Encode()

	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ctx, closeBrowser := chromedp.NewExecAllocator(ctx, v.options()...)
	defer closeBrowser()
	ctx, closeTab := chromedp.NewContext(ctx)
	defer closeTab()
	err = chromedp.Do(ctx,
		chromedp.EmulateViewport(v.Width, v.Height, chromedp.EmulateScale(1.5)),
		chromedp.Navigate(link.String()),
		chromedp.Click(chromedp.CSS(`button[type="submit"]`)),
		chromedp.WaitNotPresent(chromedp.CSS(`form[action="/login"]`)),
		chromedp.WaitVisible(chromedp.CSS(v.WaitFor)),
	)
	if err != nil {
		return nil, fmt.Errorf("looking at %s: %w", v.Path, err)
	}
	picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		return nil, fmt.Errorf("taking a picture of %s: %w", v.Path, err)
	}
	return picture, nil
}

func (v visit) options() []chromedp.ExecAllocatorOption {
	options := append([]chromedp.ExecAllocatorOption{}, chromedp.DefaultExecAllocatorOptions[:]...)
	options = append(options, chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	if os.Geteuid() == 0 { // Chromium's sandbox does not work as root
		options = append(options, chromedp.NoSandbox)
	}
	return options
}
