module github.com/tutti-ci/tutti

go 1.26
