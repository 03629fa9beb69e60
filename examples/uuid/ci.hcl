# The whole CI of github.com/google/uuid, a library without dependencies: vet, test with the race detector where the image
# allows, build for two platforms, and a report once all of that has passed. It needs no network.
tutti { language = 1 }

locals {
  image = "golang:1.26"
  go = {
    HOME        = "/tmp"
    GOCACHE     = "/tmp/go-build"
    GOFLAGS     = "-mod=mod"
    GOPROXY     = "off"
    GOTOOLCHAIN = "local"
  }
}

pipeline "ci" {
  description = "Vet, test and build on every push"
  on "push" {}
  on "manual" {}

  job "vet" {
    image   = local.image
    env     = local.go
    timeout = "10m"
    activity "vet" { script = "go vet ./..." }
  }

  job "test" {
    image   = local.image
    env     = local.go
    timeout = "15m"
    activity "unit" {
      script = <<-SH
        if command -v gcc >/dev/null && [ "$(go env CGO_ENABLED)" = 1 ]; then
          echo "testing with the race detector"
          go test -race -v ./...
        else
          echo "testing without the race detector: the image has no C compiler"
          go test -v ./...
        fi
      SH
    }
  }

  job "build-linux" {
    image   = local.image
    env     = merge(local.go, { GOOS = "linux", GOARCH = "amd64", CGO_ENABLED = 0 })
    timeout = "10m"
    activity "build" { script = "go build ./... && echo \"built for $GOOS/$GOARCH\"" }
  }

  job "build-darwin" {
    image   = local.image
    env     = merge(local.go, { GOOS = "darwin", GOARCH = "arm64", CGO_ENABLED = 0 })
    timeout = "10m"
    activity "build" { script = "go build ./... && echo \"built for $GOOS/$GOARCH\"" }
  }

  job "report" {
    needs   = [job.vet, job.test, job.build-linux, job.build-darwin]
    image   = local.image
    timeout = "5m"
    activity "summary" {
      env = {
        COMMIT = substr(event.commit, 0, 8)
        REF    = coalesce(event.branch, event.tag, "a commit")
        ACTOR  = event.actor
      }
      script = <<-SH
        echo "$COMMIT on $REF by $ACTOR: vetted, tested and built"
        echo "$(cat *.go | wc -l) lines of Go in $(ls *.go | wc -l) files"
      SH
    }
  }
}
