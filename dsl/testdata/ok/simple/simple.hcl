# .tutti/ci.hcl: the whole CI of a small Go project
pipeline "ci" {
  on "push" { branches = ["main"] }
  on "pull_request" {}

  job "test" {
    image = "golang:1.26"                       # default of the activities below

    cache "go" {
      path = "/go/pkg/mod"
      key  = "go-${hash_files("go.sum")}"
    }
    activity "vet"   { script = "go vet ./..." }
    activity "unit" {
      script = <<-SH
        go test -race -coverprofile=cover.out ./... | tee test.log
        echo "covered: ${COVER:-unknown} of $(go list ./... | wc -l) packages"
      SH
      shell = "bash"                            # bash -euo pipefail; default sh -eu
    }
    activity "build" { script = "go build -o dist/app ." }
    artifact "app"   { paths  = ["dist/app"] }
  }
}
