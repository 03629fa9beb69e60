package web

import (
	"cmp"
	"slices"

	"github.com/tutti-ci/tutti/server"
)

// A place is a node in the layout: a job, or a bend of an edge that crosses a column.
type place struct {
	job    int // -1 for a bend
	column int
	row    float64
	height int
	top    int      // of the box, once the columns are in order
	before []*place // in the column to the left
	after  []*place
}

// layOut puts each job into a column and a row. Places are those of the jobs, in their order.
func layOut(jobs []server.Job, height func(server.Job) int) (columns [][]*place, places []*place) {
	index := make(map[string]int, len(jobs))
	for i, j := range jobs {
		index[j.Name] = i
		places = append(places, &place{job: i, height: height(j)})
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
		bend := &place{job: -1, column: column, height: nodeHeight, before: []*place{from}}
		put(bend)
		from.after = append(from.after, bend)
		from = bend
	}
	from.after = append(from.after, to)
	to.before = append(to.before, from)
}

// stack says where each box of a column is, and how high the highest column is.
func stack(columns [][]*place) (highest int) {
	total := func(column []*place) int {
		sum := -nodeGap
		for _, p := range column {
			sum += p.height + nodeGap
		}
		return max(sum, 0)
	}
	for _, c := range columns {
		highest = max(highest, total(c))
	}
	const row = nodeHeight + nodeGap
	for _, c := range columns {
		top := graphEdge + (highest-total(c))/2/row*row // in whole rows, so that lines stay straight
		for _, p := range c {
			p.top = top
			top += p.height + nodeGap
		}
	}
	return highest
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
