package terminal

import (
	"fmt"
	"math"
	"strings"
)

// An rgb is a colour; each part is 0 to 255.
type rgb struct{ r, g, b int }

// The first sixteen colours, as they are meant to be seen on a background of their own choice.
var basic = [16]rgb{
	{0, 0, 0}, {205, 49, 49}, {13, 188, 121}, {229, 229, 16}, {36, 114, 200}, {188, 63, 188}, {17, 168, 205}, {229, 229, 229},
	{102, 102, 102}, {241, 76, 76}, {35, 209, 139}, {245, 245, 67}, {59, 142, 234}, {214, 112, 214}, {41, 184, 219}, {255, 255, 255},
}

// What colours must be readable on: the pages' backgrounds of logs.
var (
	lightPage = rgb{255, 255, 255}
	darkPage  = rgb{13, 17, 23}
)

// colour answers an entry of the palette of 256.
func colour(i int) rgb {
	level := func(n int) int {
		if n == 0 {
			return 0
		}
		return 55 + 40*n
	}
	switch {
	case i < 16:
		return basic[i]
	case i < 232:
		i -= 16
		return rgb{level(i / 36), level(i / 6 % 6), level(i % 6)}
	}
	grey := 8 + 10*(i-232)
	return rgb{grey, grey, grey}
}

// nearest answers the entry of the palette, beyond the first sixteen, that c looks most like.
func nearest(c rgb) int {
	best, distance := 16, math.MaxInt
	for i := 16; i < 256; i++ {
		p := colour(i)
		dr, dg, db := p.r-c.r, p.g-c.g, p.b-c.b
		if d := dr*dr + dg*dg + db*db; d < distance {
			best, distance = i, d
		}
	}
	return best
}

// CSS is the style sheet for the classes of spans inside the elements that the selector matches. It needs a color-scheme
// to be set.
func CSS(selector string) string {
	var b strings.Builder
	rule := func(class, format string, args ...any) {
		fmt.Fprintf(&b, "%s .%s{%s}\n", selector, class, fmt.Sprintf(format, args...))
	}
	rule("b", "font-weight:700")
	rule("d", "opacity:.7")
	rule("i", "font-style:italic")
	rule("u", "text-decoration:underline")
	rule("s", "text-decoration:line-through")
	rule("v", "color:%s;background:%s", lightDark(lightPage, darkPage), lightDark(darkPage, lightPage))
	for i := range 256 {
		c := colour(i)
		ratio := 3.0
		if i < 16 {
			ratio = 4.5
		}
		rule(fmt.Sprintf("f%d", i), "color:%s", lightDark(readable(c, lightPage, ratio), readable(c, darkPage, ratio)))
		rule(fmt.Sprintf("g%d", i), "background:%s;color:%s", c, onTop(c))
	}
	for i := range 256 { // after "g", which these win over
		rule(fmt.Sprintf("r%d", i), "color:%s", colour(i))
	}
	return b.String()
}

func (c rgb) String() string { return fmt.Sprintf("#%02x%02x%02x", c.r, c.g, c.b) }

func lightDark(light, dark rgb) string {
	if light == dark {
		return light.String()
	}
	return fmt.Sprintf("light-dark(%s,%s)", light, dark)
}

// onTop answers black or white, whichever is easier to read on c.
func onTop(c rgb) rgb {
	black, white := rgb{}, rgb{255, 255, 255}
	if contrast(black, c) >= contrast(white, c) {
		return black
	}
	return white
}

// readable moves c away from the page's colour until the contrast between them reaches the ratio.
func readable(c, page rgb, ratio float64) rgb {
	target := onTop(page)
	for step := range 21 {
		mixed := mix(c, target, float64(step)/20)
		if contrast(mixed, page) >= ratio {
			return mixed
		}
	}
	return target
}

func mix(a, b rgb, t float64) rgb {
	part := func(x, y int) int { return int(math.Round(float64(x) + t*float64(y-x))) }
	return rgb{part(a.r, b.r), part(a.g, b.g), part(a.b, b.b)}
}

// contrast is WCAG's contrast ratio, 1 to 21.
func contrast(a, b rgb) float64 {
	la, lb := luminance(a), luminance(b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

func luminance(c rgb) float64 {
	linear := func(part int) float64 {
		v := float64(part) / 255
		if v <= 0.04045 {
			return v / 12.92
		}
		return math.Pow((v+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(c.r) + 0.7152*linear(c.g) + 0.0722*linear(c.b)
}
