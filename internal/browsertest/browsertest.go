// Package browsertest drives a real browser, Debian's chromium without a window,
// for tests of web pages: it goes to pages, types, clicks and presses keys as
// people do, takes pictures, and judges what it sees.
//
//	b := browsertest.Open(t)
//	b.Go("http://127.0.0.1:8025/")
//	b.Type("#name", "admin")
//	b.Press("Enter")
//	b.Shows("Overview")
//
// Whatever the page's scripts complain of fails the test, and so does a request
// that goes elsewhere than to the first page's host. With VMAPD_SCREENSHOTS=DIR
// pictures are kept there, else they go with the test.
package browsertest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/vmapd/vmapd/internal/peers"
)

// patience is for how long a browser is waited for. Machines that run tests are
// busy.
const patience = time.Minute

// Browser is a browser with one window. Its methods fail the test when something
// does not happen.
type Browser struct {
	t    testing.TB
	ctx  context.Context
	dir  string
	host string

	mu         sync.Mutex
	complaints []string
}

// Open starts a browser, which ends with the test.
func Open(t testing.TB) *Browser {
	t.Helper()
	program := peers.Program(t, "chromium", "chromium")
	o := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.UserDataDir(t.TempDir()), chromedp.Flag("disable-dev-shm-usage", true), chromedp.WSURLReadTimeout(patience))
	alloc, stop := chromedp.NewExecAllocator(context.Background(), o...)
	ctx, end := chromedp.NewContext(alloc)
	b := &Browser{t: t, ctx: ctx, dir: os.Getenv("VMAPD_SCREENSHOTS")}
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Logf("the browser did not end well: %v", err)
		}
		end()
		stop()
		b.judge()
	})
	if b.dir == "" {
		b.dir = t.TempDir()
	}
	if err := chromedp.Do(ctx); err != nil { // without a limit of time: it would be the browser's
		t.Fatalf("start %s: %v", program, err)
	}
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		t.Fatal(err)
	}
	_, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}) // or it would tell of no requests
	if err != nil {
		t.Fatal(err)
	}
	// A window that nobody sees has no focus otherwise, and shows none.
	_, err = chromedp.Call(ctx, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	if err != nil {
		t.Fatal(err)
	}
	b.Size(1400, 900)
	return b
}

// hear notes what goes wrong in the page. What the server answered on purpose
// (404 and the like) is no complaint.
func (b *Browser) hear(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.complaints = append(b.complaints, fmt.Sprintf("a script failed: %s %s:%d", e.ExceptionDetails.Text, e.ExceptionDetails.URL, e.ExceptionDetails.LineNumber))
	case *page.EventJavascriptDialogOpening:
		b.complaints = append(b.complaints, "a dialog: "+e.Message)
		go func() { // the page waits for it
			_, _ = chromedp.Call(b.ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{})
		}()
	case *network.EventRequestWillBeSent:
		u, err := url.Parse(e.Request.URL)
		if err != nil || b.host != "" && u.Host != b.host && u.Scheme != "data" && u.Scheme != "about" {
			b.complaints = append(b.complaints, "a request to "+e.Request.URL)
		}
	}
}

func (b *Browser) judge() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.complaints {
		b.t.Error(c)
	}
}

// do carries out steps.
func (b *Browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatalf("%v; at %s the page shows %s", err, b.Address(), b.Text("body"))
	}
}

// Go loads a page.
func (b *Browser) Go(address string) {
	b.t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		b.t.Fatal(err)
	}
	b.mu.Lock()
	b.host = u.Host
	b.mu.Unlock()
	b.do(chromedp.Navigate(address))
}

// Type puts a text in place of what is in a field.
func (b *Browser) Type(selector, text string) {
	b.t.Helper()
	b.do(chromedp.WaitVisible(chromedp.CSS(selector)))
	var there bool
	b.Eval(fmt.Sprintf("(() => { const e = document.querySelector(%q); e.focus(); e.select(); return document.activeElement === e })()", selector), &there)
	if !there {
		b.t.Fatalf("at %s, %s cannot be typed into", b.Address(), selector)
	}
	b.do(chromedp.KeyEvent(strings.ReplaceAll(text, "\n", kb.Enter)))
}

// Click clicks, and waits for the page that comes of it.
func (b *Browser) Click(selector string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if _, err := chromedp.RunResponse(ctx, chromedp.Click(chromedp.CSS(selector))); err != nil {
		b.t.Fatalf("click %s: %v", selector, err)
	}
}

// Press presses a key: "Tab", "Enter", or a letter.
func (b *Browser) Press(key string) {
	b.t.Helper()
	if named, ok := map[string]string{"Tab": kb.Tab, "Enter": kb.Enter, "Escape": kb.Escape}[key]; ok {
		key = named
	}
	b.do(chromedp.KeyEvent(key))
}

// Text returns what an element shows.
func (b *Browser) Text(selector string) (text string) {
	b.t.Helper()
	b.Eval(fmt.Sprintf("document.querySelector(%q)?.innerText ?? ''", selector), &text)
	return text
}

// Address returns the path and query of the page.
func (b *Browser) Address() (path string) {
	b.t.Helper()
	b.Eval("location.pathname + location.search", &path)
	return path
}

// Eval evaluates an expression of JavaScript.
func (b *Browser) Eval(expression string, to any) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	raw, err := chromedp.Run(ctx, chromedp.Evaluate[[]byte](expression, chromedp.EvalAwaitPromise))
	if err == nil {
		err = json.Unmarshal(raw, to)
	}
	if err != nil {
		b.t.Fatalf("evaluate %.60s: %v", expression, err)
	}
}

// Shows waits until the page shows all texts.
func (b *Browser) Shows(texts ...string) {
	b.t.Helper()
	body := ""
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		body = b.Text("body")
		if !missing(body, texts) {
			return
		}
	}
	b.t.Fatalf("at %s, not all of %q: %s", b.Address(), texts, body)
}

func missing(body string, texts []string) bool {
	for _, text := range texts {
		if !strings.Contains(body, text) {
			return true
		}
	}
	return false
}

// Size makes the window of a size in CSS pixels.
func (b *Browser) Size(width, height int) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(int64(width), int64(height)))
}

// Dark has the browser prefer dark pages, or light ones.
func (b *Browser) Dark(yes bool) {
	b.t.Helper()
	value := "light"
	if yes {
		value = "dark"
	}
	p := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: value}}}
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, p); err != nil {
		b.t.Fatal(err)
	}
}

// Picture takes a picture of the whole page.
func (b *Browser) Picture(name string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	image, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.MkdirAll(b.dir, 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.dir, name+".png"), image, 0o644); err != nil {
		b.t.Fatal(err)
	}
}
