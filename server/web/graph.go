package web

import (
	"cmp"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/tutti-ci/tutti/server"
)

// Sizes of the picture, in pixels.
const (
	nodeHeight = 36
	nodeGap    = 12 // between nodes of a column
	columnGap  = 44
	graphEdge  = 8 // around it all
	charWidth  = 7.3
)

// A graph is the drawing of a run's jobs: each in a column right of all that it needs.
type graph struct {
	Width, Height int
	Nodes         []graphNode // in an order in which each comes after its needs
	Edges         []graphEdgeLine
}

type graphNode struct {
	Job         server.Job
	Shape, Took string
	Label       string
	X, Y, Width int
}

type graphEdgeLine struct {
	Path string // of SVG
	Done bool   // its job satisfied the one that needs it
}

// A place is a node in the layout: a job, or a bend of an edge that crosses a column.
type place struct {
	job    int // -1 for a bend
	column int
	row    float64
	before []*place // in the column to the left
	after  []*place
}

// drawGraph draws the jobs of a run. A single job makes no picture.
func drawGraph(run server.Run, now time.Time) *graph {
	if len(run.Jobs) < 2 {
		return nil
	}
	columns, places := layOut(run.Jobs)
	width := nodeWidth(run.Jobs)
	rows := 0
	for _, c := range columns {
		rows = max(rows, len(c))
	}
	g := &graph{
		Width:  2*graphEdge + len(columns)*width + (len(columns)-1)*columnGap,
		Height: 2*graphEdge + rows*nodeHeight + (rows-1)*nodeGap,
	}
	x := func(p *place) int { return graphEdge + p.column*(width+columnGap) }
	y := func(p *place) int {
		middle := float64((rows - len(columns[p.column])) / 2) // in whole rows, so that lines stay straight
		return graphEdge + int((p.row+middle)*(nodeHeight+nodeGap))
	}
	for _, column := range columns {
		for _, p := range column {
			if p.job < 0 {
				continue
			}
			j := run.Jobs[p.job]
			g.Nodes = append(g.Nodes, graphNode{
				Job: j, Shape: shape(j.State, j.Result), Took: took(now, j.StartedAt, j.FinishedAt),
				Label: shorten(j.Name, int(float64(width-100)/charWidth+0.5)), X: x(p), Y: y(p), Width: width,
			})
		}
	}
	for i, p := range places {
		for _, next := range p.after {
			g.Edges = append(g.Edges, graphEdgeLine{edgePath(p, next, x, y, width), run.Jobs[i].Result.Satisfies()})
		}
	}
	return g
}

// edgePath draws one line from a job to one that needs it, through the bends between them.
func edgePath(from, next *place, x, y func(*place) int, width int) string {
	px, py := x(from)+width, y(from)+nodeHeight/2
	path := fmt.Sprintf("M%d %d", px, py)
	for {
		nx, ny := x(next), y(next)+nodeHeight/2
		half := (nx - px) / 2
		path += fmt.Sprintf("C%d %d %d %d %d %d", px+half, py, nx-half, ny, nx, ny)
		if next.job >= 0 {
			return path
		}
		path += fmt.Sprintf("H%d", nx+width)
		px, py, next = nx+width, ny, next.after[0]
	}
}

// nodeWidth makes room for the longest name, within reason.
func nodeWidth(jobs []server.Job) int {
	longest := 0
	for _, j := range jobs {
		longest = max(longest, utf8.RuneCountInString(j.Name))
	}
	return min(max(100+int(float64(longest)*charWidth), 168), 300)
}

func shorten(s string, runes int) string {
	if utf8.RuneCountInString(s) <= runes {
		return s
	}
	return string([]rune(s)[:runes-1]) + "…"
}

// layOut puts each job into a column and a row. Places are those of the jobs, in their order.
func layOut(jobs []server.Job) (columns [][]*place, places []*place) {
	index := make(map[string]int, len(jobs))
	for i, j := range jobs {
		index[j.Name] = i
		places = append(places, &place{job: i})
	}
	for range jobs { // as often as the longest path can be, but usually a few times
		moved := false
		for i, j := range jobs {
			for _, need := range j.Needs {
				if n, ok := index[need]; ok && places[n].column >= places[i].column {
					places[i].column, moved = places[n].column+1, true
				}
			}
		}
		if !moved {
			break
		}
	}
	put := func(p *place) {
		for len(columns) <= p.column {
			columns = append(columns, nil)
		}
		p.row = float64(len(columns[p.column]))
		columns[p.column] = append(columns[p.column], p)
	}
	for _, p := range places {
		put(p)
	}
	for i, j := range jobs {
		for _, need := range j.Needs {
			if n, ok := index[need]; ok {
				link(places[n], places[i], put)
			}
		}
	}
	untangle(columns)
	return columns, places
}

// link draws an edge, with a bend in each column that it crosses.
func link(from, to *place, put func(*place)) {
	for column := from.column + 1; column < to.column; column++ {
		bend := &place{job: -1, column: column, before: []*place{from}}
		put(bend)
		from.after = append(from.after, bend)
		from = bend
	}
	from.after = append(from.after, to)
	to.before = append(to.before, from)
}

// untangle orders each column by where its neighbours are, to and fro a few times, so that fewer edges cross.
func untangle(columns [][]*place) {
	before := func(p *place) []*place { return p.before }
	after := func(p *place) []*place { return p.after }
	for range 6 {
		for c := 1; c < len(columns); c++ {
			order(columns[c], before)
		}
		for c := len(columns) - 2; c >= 0; c-- {
			order(columns[c], after)
		}
	}
}

func order(column []*place, neighbours func(*place) []*place) {
	middle := make(map[*place]float64, len(column))
	for _, p := range column {
		middle[p] = p.row
		if near := neighbours(p); len(near) > 0 {
			sum := 0.0
			for _, n := range near {
				sum += n.row
			}
			middle[p] = sum / float64(len(near))
		}
	}
	slices.SortStableFunc(column, func(a, b *place) int { return cmp.Compare(middle[a], middle[b]) })
	for i, p := range column {
		p.row = float64(i)
	}
}
