package dsl

import (
	"strings"

	"github.com/Masterminds/semver/v3"
)

// releases are those of Tutti that files ask for.
type releases struct {
	constraint *semver.Constraints
	text       string
	at         place
}

// releases reads what files ask for. It is nil if that says nothing.
func (b *builder) releases(text string, v *value) *releases {
	constraint, err := semver.NewConstraint(text)
	if err != nil || len(text) > maxConstraint {
		b.ps.add(codeValue, v.at, "Invalid constraint", `%s must be a constraint such as ">= 1.2".`, v.title())
		return nil
	}
	return &releases{constraint, text, v.at}
}

// check reports that this release is none of them. It counts as what it is going to be: a candidate for 1.4.0 is there to try
// the pipelines of 1.4.0.
func (r *releases) check(release string, ps *problems) {
	if r == nil {
		return
	}
	version, err := semver.StrictNewVersion(strings.TrimPrefix(release, "v"))
	if err != nil {
		return // it was built by hand
	}
	if core := semver.New(version.Major(), version.Minor(), version.Patch(), "", ""); !r.constraint.Check(core) {
		ps.add(codeRelease, r.at, "Another release needed",
			"These files ask for a release of Tutti that is %q, and this is %s. Use one that is, or change what they ask for.", r.text, version)
	}
}
