package main

import (
	"errors"
	"fmt"
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

// readPipelines reads the pipeline files of a working tree. path is the tree, its .tutti folder, or one file.
func readPipelines(path string) ([]dsl.File, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, failed(fmt.Errorf("there is no %s", path))
	}
	if err != nil {
		return nil, failed(fmt.Errorf("reading pipelines: %w", err))
	}
	if !info.IsDir() {
		file, err := readPipeline(path, filepath.ToSlash(path))
		return []dsl.File{file}, err
	}
	dir := path
	if filepath.Base(dir) != pipelineDir {
		dir = filepath.Join(path, pipelineDir)
	}
	return readPipelineDir(dir)
}

func readPipelineDir(dir string) ([]dsl.File, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, syscall.ENOTDIR) {
		return nil, failed(fmt.Errorf("%s is a file; pipelines are .hcl files in a folder of that name", dir))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, failed(fmt.Errorf("no pipeline here: there is no %s; see 'tutti help' and the examples for how to begin", dir))
	}
	if err != nil {
		return nil, failed(fmt.Errorf("reading pipelines: %w", err))
	}
	var files []dsl.File
	for _, e := range entries {
		if e.IsDir() || !strings.HasSuffix(e.Name(), ".hcl") {
			continue
		}
		file, err := readPipeline(filepath.Join(dir, e.Name()), pipelineDir+"/"+e.Name())
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	if len(files) == 0 {
		return nil, failed(fmt.Errorf("no pipeline here: %s has no .hcl file", dir))
	}
	sort.Slice(files, func(i, j int) bool { return files[i].Name < files[j].Name })
	return files, nil
}

// readPipeline reads one file. A link is refused, as on the server, where it could point anywhere.
func readPipeline(path, name string) (dsl.File, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return dsl.File{}, failed(fmt.Errorf("reading pipelines: %w", err))
	}
	if !info.Mode().IsRegular() {
		return dsl.File{}, failed(fmt.Errorf("%s is not a regular file: pipelines are not read through links", path))
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return dsl.File{}, failed(fmt.Errorf("reading pipelines: %w", err))
	}
	return dsl.File{Name: name, Data: data}, nil
}
