// Package web is what people see in a browser: pages that the server renders, and the few scripts that make them live.
//
// It owns templates, style, scripts, the drawing of job graphs and timelines, and the files under /static/. Every page can
// be read without JavaScript; with it, pages refresh themselves (live.go) and logs scroll without end (static/log*.js,
// which read from the API). Nothing here decides anything: pages read what others keep, and forms call one method.
//
// The policy that comes with every answer allows no inline script or style, and no HTML from strings: templates have no
// style attributes, sizes of pictures are SVG attributes, and scripts write text nodes only.
package web
