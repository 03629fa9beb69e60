package lab

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"

	"github.com/tutti-ci/tutti/scripts/rawdocker"
)

// Image is the image that the faults run: the witness program, and a shell.
const Image = "tutti-test/lines:latest"

// applets are those of busybox that the scripts of the faults use.
var applets = []string{"sh", "sleep", "cat", "dd", "echo", "true", "yes", "head", "tail", "mkdir", "ls", "tr", "printf", "date", "seq", "wc", "kill", "rm", "test"}

// MakeImage makes sure that an engine has the image, made of the programs as they are now.
func (e Env) MakeImage(ctx context.Context, engine *Engine) error {
	content, err := e.rootTar("")
	if err != nil {
		return fmt.Errorf("making the image of the witness: %w", err)
	}
	sum := sha256.Sum256(content)
	stamp := hex.EncodeToString(sum[:8])
	var there struct {
		Config struct{ Labels map[string]string }
	}
	err = engine.Call(ctx, "GET", "/images/"+Image+"/json", nil, &there)
	if err == nil && there.Config.Labels["tutti-test.content"] == stamp {
		return nil
	}
	if err != nil && !errors.Is(err, rawdocker.ErrGone) {
		return fmt.Errorf("looking for the image of the witness: %w", err)
	}
	query := url.Values{"fromSrc": {"-"}, "repo": {"tutti-test/lines"}, "tag": {"latest"}, "changes": {"ENV PATH=/bin", "LABEL tutti-test.content=" + stamp}}
	if err := engine.Call(ctx, "POST", "/images/create?"+query.Encode(), bytes.NewReader(content), nil); err != nil {
		return fmt.Errorf("importing the image of the witness: %w", err)
	}
	return nil
}

// rootTar makes a root file system, with a file that says what it is for.
func (e Env) rootTar(purpose string) ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	add := func(h tar.Header, content []byte) error {
		h.Size = int64(len(content))
		if err := w.WriteHeader(&h); err != nil {
			return err
		}
		_, err := w.Write(content)
		return err
	}
	var errs []error
	for _, dir := range []string{"bin/", "etc/", "root/"} {
		errs = append(errs, add(tar.Header{Typeflag: tar.TypeDir, Name: dir, Mode: 0o755}, nil))
	}
	errs = append(errs, add(tar.Header{Typeflag: tar.TypeDir, Name: "tmp/", Mode: 0o1777}, nil),
		add(tar.Header{Name: "etc/passwd", Mode: 0o644}, []byte("root:x:0:0:root:/root:/bin/sh\n")),
		add(tar.Header{Name: "etc/purpose", Mode: 0o644}, []byte(purpose)))
	for _, each := range [][2]string{{"lines", e.Witness}, {"bin/busybox", e.Busybox}} {
		program, err := os.ReadFile(each[1])
		errs = append(errs, err, add(tar.Header{Name: each[0], Mode: 0o755}, program))
	}
	for _, applet := range applets {
		errs = append(errs, add(tar.Header{Typeflag: tar.TypeSymlink, Name: "bin/" + applet, Linkname: "busybox", Mode: 0o777}, nil))
	}
	errs = append(errs, w.Close())
	return out.Bytes(), errors.Join(errs...)
}
