# Tutti builds and tests itself. Tests that need a Docker engine run in .ci/run; here there is none.
tutti { language = 1 }

locals {
  go = {
    HOME               = "/tmp"
    GOCACHE            = "/tmp/go-build"
    GOFLAGS            = "-mod=mod"
    GOTOOLCHAIN        = "local"
    TUTTI_SKIP_BROWSER = 1
    TUTTI_SKIP_DOCKER  = 1
  }
}

pipeline "ci" {
  description = "Vet, build and test"
  on "push" {}
  on "manual" {}

  job "check" {
    image   = "golang:1.26"
    env     = local.go
    timeout = "20m"
    activity "vet" { script = "go vet ./..." }
    activity "build" { script = "CGO_ENABLED=0 go build -o /dev/null ." }
  }

  job "test" {
    needs   = [job.check]
    image   = "golang:1.26"
    env     = local.go
    timeout = "40m"
    activity "unit" {
      script  = "go test ./..."
      timeout = "40m"
    }
  }
}
