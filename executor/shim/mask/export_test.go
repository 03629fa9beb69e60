package mask

import "unsafe"

// Size answers how many bytes a set takes.
func (s *Set) Size() int { return len(s.nodes)*int(unsafe.Sizeof(node{})) + len(s.skip) }

// Forms answers all that is looked for.
func Forms(secrets []string) []string {
	var all []string
	for _, s := range secrets {
		all = append(all, forms(s)...)
	}
	return all
}
