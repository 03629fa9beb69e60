package caged

import (
	"io"

	"github.com/tutti-ci/tutti/dsl"
)

// ServeWith is Serve with another compiler, one that misbehaves.
func ServeWith(r io.Reader, w io.Writer, compile func(dsl.Request) dsl.Response) error {
	if err := limitProcess(); err != nil {
		return err
	}
	return serve(r, w, compile)
}
