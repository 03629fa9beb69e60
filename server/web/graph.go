package web

import (
	"cmp"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// Sizes of the picture, in pixels.
const (
	nodeHeight     = 36
	instanceHeight = 24 // of a row within the box of a matrix
	nodeGap        = 12 // between nodes of a column
	columnGap      = 44
	graphEdge      = 8 // around it all
	charWidth      = 7.3
	maxInstances   = 12 // that one box shows
)

// A graph is the drawing of a run's jobs: each in a column right of all that it needs. The instances of a matrix are rows of
// its box.
type graph struct {
	Width, Height int
	Nodes         []graphNode // in an order in which each comes after its needs
	Edges         []graphEdgeLine
}

type graphNode struct {
	Job                 server.Job
	Shape, Took         string
	Since               *time.Time // from when Took counts on; nil if it does not
	Label               string
	X, Y, Width, Height int
	Rows                []graphRow
}

// Inner is the height of what is drawn, within its line.
func (n graphNode) Inner() int { return n.Height - 2 }

// A graphRow is an instance in the box of its matrix.
type graphRow struct {
	Job         server.Job
	Shape, Took string
	Since       *time.Time
	Label       string
	Y           int    // within the box
	More        string // in place of all else: how many are not shown
}

type graphEdgeLine struct {
	Path string // of SVG
	Done bool   // its job satisfied the one that needs it
}

// drawGraph draws the jobs of a run. A single job makes no picture.
func drawGraph(run server.Run, now time.Time) *graph {
	if len(run.Jobs) < 2 {
		return nil
	}
	nodes, instances := group(run.Jobs)
	columns, places := layOut(nodes, func(j server.Job) int { return boxHeight(len(instances[j.Name])) })
	width := nodeWidth(run.Jobs)
	highest := stack(columns)
	g := &graph{
		Width:  2*graphEdge + len(columns)*width + (len(columns)-1)*columnGap,
		Height: 2*graphEdge + highest,
	}
	x := func(p *place) int { return graphEdge + p.column*(width+columnGap) }
	for _, column := range columns {
		for _, p := range column {
			if p.job < 0 {
				continue
			}
			j := nodes[p.job]
			took, since := spent(j, now)
			g.Nodes = append(g.Nodes, graphNode{
				Job: j, Shape: jobShape(j), Took: cmp.Or(took, expected(j, instances[j.Name])), Since: since,
				Label: shorten(j.Title(), int(float64(width-100)/charWidth+0.5)), X: x(p), Y: p.top, Width: width, Height: p.height,
				Rows: drawRows(instances[j.Name], width, now),
			})
		}
	}
	for i, p := range places {
		for _, next := range p.after {
			g.Edges = append(g.Edges, graphEdgeLine{edgePath(p, next, x, width), nodes[i].Result.Satisfies()})
		}
	}
	return g
}

// group takes the instances of each matrix out of the jobs.
func group(jobs []server.Job) (nodes []server.Job, instances map[string][]server.Job) {
	matrices := map[string]bool{}
	for _, j := range jobs {
		matrices[j.Name] = j.Kind == plan.KindMatrix
	}
	instances = map[string][]server.Job{}
	for _, j := range jobs {
		if j.Of != "" && matrices[j.Of] {
			instances[j.Of] = append(instances[j.Of], j)
		} else {
			nodes = append(nodes, j)
		}
	}
	return nodes, instances
}

// boxHeight makes room for the rows of a matrix.
func boxHeight(instances int) int {
	if instances == 0 {
		return nodeHeight
	}
	return nodeHeight + min(instances, maxInstances)*instanceHeight + 4
}

// drawRows draws the instances of a matrix. Where there is no room for all, the last row counts the others.
func drawRows(instances []server.Job, width int, now time.Time) []graphRow {
	var rows []graphRow
	for i, j := range instances {
		y := nodeHeight - 4 + i*instanceHeight
		if left := len(instances) - i; i == maxInstances-1 && left > 1 {
			return append(rows, graphRow{Job: j, Y: y, More: fmt.Sprintf("and %d more", left)})
		}
		took, since := spent(j, now)
		rows = append(rows, graphRow{
			Job: j, Shape: jobShape(j), Took: took, Since: since, Label: shorten(axes(j), int(float64(width-110)/charWidth+0.5)), Y: y,
		})
	}
	return rows
}

// spent is how long a job ran, or an approval waited; since is from when it still does.
func spent(j server.Job, now time.Time) (text string, since *time.Time) {
	from := j.StartedAt
	if j.Approval != nil {
		from = j.Approval.AskedAt
	}
	if from != nil && j.FinishedAt == nil {
		since = from
	}
	return took(now, from, j.FinishedAt), since
}

// expected says of a matrix how many instances it has, or that this is not known yet.
func expected(j server.Job, instances []server.Job) string {
	switch {
	case j.Kind != plan.KindMatrix || j.State == plan.Done:
		return ""
	case len(instances) == 0:
		return "× ?"
	}
	return fmt.Sprintf("× %d", len(instances))
}

// edgePath draws one line from a job to one that needs it, through the bends between them.
func edgePath(from, next *place, x func(*place) int, width int) string {
	px, py := x(from)+width, from.top+nodeHeight/2
	path := fmt.Sprintf("M%d %d", px, py)
	for {
		nx, ny := x(next), next.top+nodeHeight/2
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
		longest = max(longest, utf8.RuneCountInString(cmp.Or(axes(j), j.Name)))
	}
	return min(max(100+int(float64(longest)*charWidth), 168), 300)
}

func shorten(s string, runes int) string {
	if utf8.RuneCountInString(s) <= runes {
		return s
	}
	return string([]rune(s)[:runes-1]) + "…"
}
