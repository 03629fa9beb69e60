package mask

// A Set finds the forms of some secrets. It does not change once it is made, and any number of streams may use it at once.
//
// It is the automaton of Aho and Corasick, with a table before it by which text that has nothing to do with any form is
// skipped several bytes at a time.
type Set struct {
	nodes []node
	root  [256]int32 // the children of the root; 0 where there is none
	// window is the length of the shortest form, or maxWindow. No form begins within the first skip[p] bytes of a window
	// whose last two bytes are p; where that is 0, one may.
	window int
	skip   [1 << 16]uint8
}

// A node is a state of the automaton: the longest end of the text that is the beginning of a form.
type node struct {
	child, sibling int32 // the first child, and the next one of the same parent; 0 is none
	fail           int32 // where to go on if no child fits
	depth          int32 // how long that beginning is
	match          int32 // the length of the longest form that ends here; 0 is none
	edge           byte  // by which the parent comes here
}

const maxWindow = 64

// New answers a set of secrets; nil if none of them can be masked, and then nothing needs to be.
func New(secrets []string) *Set {
	var all []string
	seen := make(map[string]bool)
	for _, secret := range secrets {
		if seen[secret] {
			continue
		}
		seen[secret] = true
		all = append(all, forms(secret)...)
	}
	if len(all) == 0 {
		return nil
	}
	s := &Set{nodes: make([]node, 1), window: maxWindow}
	for _, form := range all {
		s.insert(form)
		s.window = min(s.window, len(form))
	}
	s.link()
	s.fillSkip(all)
	return s
}

// settle answers the state that goes on as this one does: nothing follows the end of a form.
func (s *Set) settle(at int32) int32 {
	for at != 0 && s.nodes[at].child == 0 {
		at = s.nodes[at].fail
	}
	return at
}

func (s *Set) insert(form string) {
	at := int32(0)
	for i := range len(form) {
		next := s.step(at, form[i])
		if next == 0 {
			next = int32(len(s.nodes))
			n := node{depth: int32(i + 1), edge: form[i]}
			if at == 0 {
				s.root[form[i]] = next
			} else {
				n.sibling, s.nodes[at].child = s.nodes[at].child, next
			}
			s.nodes = append(s.nodes, n)
		}
		at = next
	}
	s.nodes[at].match = int32(len(form))
}

// step answers the child of a node, or 0.
func (s *Set) step(at int32, b byte) int32 {
	if at == 0 {
		return s.root[b]
	}
	c := s.nodes[at].child
	for c != 0 && s.nodes[c].edge != b {
		c = s.nodes[c].sibling
	}
	return c
}

// next answers the state after one more byte.
func (s *Set) next(at int32, b byte) int32 {
	for {
		if c := s.step(at, b); c != 0 || at == 0 {
			return c
		}
		at = s.nodes[at].fail
	}
}

// link finds where each state goes on, level by level.
func (s *Set) link() {
	queue := make([]int32, 0, len(s.nodes))
	for _, c := range s.root {
		if c != 0 {
			queue = append(queue, c)
		}
	}
	for i := 0; i < len(queue); i++ {
		at := queue[i]
		n := &s.nodes[at]
		n.match = max(n.match, s.nodes[n.fail].match)
		for c := n.child; c != 0; c = s.nodes[c].sibling {
			s.nodes[c].fail = s.next(n.fail, s.nodes[c].edge)
			queue = append(queue, c)
		}
	}
}

// fillSkip fills the table for the first window bytes of each form.
func (s *Set) fillSkip(forms []string) {
	for i := range s.skip {
		s.skip[i] = uint8(s.window - 1)
	}
	for _, form := range forms {
		for end := 2; end <= s.window; end++ {
			p := pair(form[end-2], form[end-1])
			s.skip[p] = min(s.skip[p], uint8(s.window-end))
		}
	}
}

func pair(a, b byte) uint16 { return uint16(a)<<8 | uint16(b) }
