package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"syscall"

	"github.com/tutti-ci/tutti/dsl"
)

// pipelineDir is where pipelines are, in every repository.
const pipelineDir = ".tutti"

// maxPipelineFile is how much is read of one file. The language refuses files that are far smaller, and says so.
const maxPipelineFile = 8 << 20

// readPipelines reads the pipeline files of a working tree. path is the tree, its .tutti folder, or one file.
func readPipelines(path string) ([]dsl.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	if !info.IsDir() {
		file, err := readPipeline(path, filepath.ToSlash(path))
		if err != nil {
			return nil, err
		}
		return []dsl.File{file}, nil
	}
	return readPipelineDir(pipelineDirOf(path))
}

// pipelineDirOf answers the .tutti folder that a folder is, or has.
func pipelineDirOf(path string) string {
	if filepath.Base(path) == pipelineDir {
		return path
	}
	if abs, err := filepath.Abs(path); err == nil && filepath.Base(abs) == pipelineDir {
		return path // of somebody who is in it, "."
	}
	return filepath.Join(path, pipelineDir)
}

// pipelinePaths answers the paths of the pipeline files that path means.
func pipelinePaths(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	dir := pipelineDirOf(path)
	names, err := pipelineNames(dir)
	for i, name := range names {
		names[i] = filepath.Join(dir, name)
	}
	return names, err
}

// pipelineNames lists the pipeline files of a folder.
func pipelineNames(dir string) ([]string, error) {
	info, err := os.Lstat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, failed(fmt.Errorf("no pipeline here: there is no %s; see 'tutti help' and the examples for how to begin", dir))
	case err != nil:
		return nil, unreadable(dir, err)
	case info.Mode()&fs.ModeSymlink != 0:
		return nil, failed(fmt.Errorf("%s is a link: pipelines are not read through links, since a server has nothing behind them", dir))
	case !info.IsDir():
		return nil, failed(fmt.Errorf("%s is a file; pipelines are .hcl files in a folder of that name", dir))
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, unreadable(dir, err)
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() && strings.HasSuffix(e.Name(), ".hcl") {
			names = append(names, e.Name())
		}
	}
	if len(names) == 0 {
		return nil, failed(fmt.Errorf("no pipeline here: %s has no .hcl file", dir))
	}
	sort.Strings(names)
	return names, nil
}

func readPipelineDir(dir string) ([]dsl.File, error) {
	names, err := pipelineNames(dir)
	if err != nil {
		return nil, err
	}
	var files []dsl.File
	for _, name := range names {
		file, err := readPipeline(filepath.Join(dir, name), pipelineDir+"/"+name)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	return files, nil
}

// readPipeline reads one file. A link is refused, as on the server, where it could point anywhere.
func readPipeline(path, name string) (dsl.File, error) {
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return dsl.File{}, unreadable(path, err)
	case info.Mode()&fs.ModeSymlink != 0:
		return dsl.File{}, failed(fmt.Errorf("%s is a link: pipelines are not read through links, which may lead out of the repository", path))
	case !info.Mode().IsRegular():
		return dsl.File{}, failed(fmt.Errorf("%s is not a regular file", path))
	}
	file, err := os.Open(path)
	if err != nil {
		return dsl.File{}, unreadable(path, err)
	}
	data, err := io.ReadAll(io.LimitReader(file, maxPipelineFile))
	if err = errors.Join(err, file.Close()); err != nil {
		return dsl.File{}, unreadable(path, err)
	}
	return dsl.File{Name: name, Data: data}, nil
}

// unreadable says why a path cannot be read, and whose problem that is: the user's, or the machine's.
func unreadable(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return failed(fmt.Errorf("there is no %s", path))
	case errors.Is(err, fs.ErrPermission):
		return failed(fmt.Errorf("%s may not be read: %w", path, err))
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.ELOOP), errors.Is(err, syscall.ENAMETOOLONG):
		return failed(fmt.Errorf("reading pipelines: %w", err))
	}
	return fmt.Errorf("reading pipelines: %w", err)
}
