package web_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/tutti-ci/tutti/server/api"
	"github.com/tutti-ci/tutti/server/servertest"
)

// patience bounds what a page may take to come to look as expected.
const patience = 20 * time.Second

// A browser is a headless Chromium, shared by the tests of one test function.
type browser struct{ ctx context.Context }

func startBrowser(t testing.TB) *browser {
	t.Helper()
	if os.Getenv("TUTTI_SKIP_BROWSER") == "1" {
		t.Skip("TUTTI_SKIP_BROWSER=1")
	}
	path := findBrowser()
	if path == "" {
		t.Fatal("browser tests need Chromium: install the package chromium, or set TUTTI_SKIP_BROWSER=1 to go without")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	ctx, stop := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), opts...)
	ctx, cancel := chromedp.NewContext(ctx)
	t.Cleanup(func() { cancel(); stop() })
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("starting %s: %v", path, err)
	}
	return &browser{ctx}
}

func findBrowser() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// A tab is one page of a browser that shares nothing with others. Whatever its console complains of fails the test.
type tab struct {
	t      testing.TB
	ctx    context.Context
	server *servertest.Server

	mu         sync.Mutex // guards complaints
	complaints []string
}

// watchCSP collects violations of the policy in the page itself; most also reach the console.
const watchCSP = `window.violations = []; addEventListener("securitypolicyviolation", (e) => window.violations.push(e.violatedDirective + " " + e.blockedURI + " " + e.sample));`

// open makes a tab, signed in through a one-use link.
func (b *browser) open(t testing.TB, s *servertest.Server) *tab {
	t.Helper()
	tab := b.openSignedOut(t, s)
	code, _ := s.Auth.NewCode()
	tab.run(chromedp.Navigate(api.LoginURL(s.URL, code)), chromedp.Click(chromedp.CSS("button.main")),
		chromedp.WaitVisible(chromedp.CSS("nav[aria-label=Main]")))
	return tab
}

func (b *browser) openSignedOut(t testing.TB, s *servertest.Server) *tab {
	t.Helper()
	tab := &tab{t: t, server: s}
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext(), chromedp.WithListener(tab.hear))
	tab.ctx = ctx
	// The first action must not be under a context that ends: it would take the tab along.
	if err := chromedp.Do(ctx, command(log.Enable, cdp.Empty{}), command(runtime.Enable, cdp.Empty{}),
		command(page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: watchCSP}),
		chromedp.EmulateViewport(1280, 800)); err != nil {
		t.Fatalf("opening a tab: %v", err)
	}
	t.Cleanup(func() {
		tab.checkComplaints()
		cancel()
	})
	return tab
}

// command makes an action of a command of the protocol.
func command[P, R any](cmd cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, cmd, params)
		return err
	})
}

// hear notes errors of scripts, and what the console says.
func (b *tab) hear(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.complaints = append(b.complaints, "exception: "+e.ExceptionDetails.Text+" "+description(e.ExceptionDetails.Exception))
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			b.complaints = append(b.complaints, fmt.Sprintf("console: %s", e.Args[0].Value))
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			b.complaints = append(b.complaints, "log: "+e.Entry.Text+" "+e.Entry.URL)
		}
	}
}

// inject runs a script in every page from now on.
func (b *tab) inject(script string) {
	b.t.Helper()
	b.run(command(page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script}))
}

func description(o *runtime.RemoteObject) string {
	if o == nil {
		return ""
	}
	return o.Description
}

// expect takes back complaints that belong to the test.
func (b *tab) expect(part string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var rest []string
	for _, c := range b.complaints {
		if !strings.Contains(c, part) {
			rest = append(rest, c)
		}
	}
	b.complaints = rest
}

func (b *tab) checkComplaints() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.complaints {
		b.t.Errorf("the browser complains: %s", c)
	}
}

func (b *tab) run(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.t.Fatalf("%v; the page is %s:\n%.2000s", err, b.url(), b.text("body"))
	}
}

func (b *tab) url() string {
	at, err := chromedp.Run(b.ctx, chromedp.Location())
	if err != nil {
		return err.Error()
	}
	return at
}

// visit opens a path, and checks afterwards that the policy was kept.
func (b *tab) visit(path string) {
	b.t.Helper()
	b.run(chromedp.Navigate(b.server.URL + path))
	b.checkPolicy()
}

func (b *tab) checkPolicy() {
	b.t.Helper()
	violations := eval[[]string](b, `window.violations ?? []`)
	if len(violations) > 0 {
		b.t.Errorf("the page breaks its policy: %q", violations)
	}
}

// text answers what is to be seen of the first element.
func (b *tab) text(selector string) string {
	text, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](fmt.Sprintf(`document.querySelector(%q)?.innerText ?? ""`, selector)))
	if err != nil {
		return err.Error()
	}
	return text
}

// eval answers the value of an expression.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// until waits for an expression to become true, also over navigations.
func (b *tab) until(what, expression string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	for {
		_, err := chromedp.Run(ctx, chromedp.Poll[chromedp.Void](expression, chromedp.WithPollingTimeout(2*time.Second)))
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			b.t.Fatalf("never happened: %s (%s); the page is %s:\n%.3000s", what, expression, b.url(), b.text("body"))
		}
	}
}

// untilText waits for an element to show a text.
func (b *tab) untilText(selector, text string) {
	b.t.Helper()
	b.until(fmt.Sprintf("%s shows %q", selector, text), fmt.Sprintf(`document.querySelector(%q)?.innerText.includes(%q)`, selector, text))
}

func logPage(run any, job, activity string) string {
	return fmt.Sprintf("/runs/%d/jobs/%s/activities/%s", run, url.PathEscape(job), url.PathEscape(activity))
}
