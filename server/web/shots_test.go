package web_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// TestShots takes pictures of the pages into the folder TUTTI_SHOTS, for people to look at.
func TestShots(t *testing.T) {
	dir := os.Getenv("TUTTI_SHOTS")
	if dir == "" {
		t.Skip("TUTTI_SHOTS names no folder")
	}
	s := showcase(t)
	b := startBrowser(t).open(t, s.Server)
	defer b.expect("404") // of the page that shows an error
	for name, path := range s.pages {
		for _, look := range []struct {
			name, scheme  string
			width, height int64
		}{{"light", "light", 1280, 900}, {"dark", "dark", 1280, 900}, {"phone", "light", 360, 740}} {
			b.run(
				chromedp.EmulateViewport(look.width, look.height),
				command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: look.scheme}}}),
			)
			b.visit(path)
			shoot := chromedp.FullScreenshot(100)
			if strings.Contains(path, "/jobs/") { // these fill the window, and a full picture would scroll them
				shoot = chromedp.CaptureScreenshot()
			}
			picture, err := chromedp.Run(b.ctx, shoot)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name+"-"+look.name+".png"), picture, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}
