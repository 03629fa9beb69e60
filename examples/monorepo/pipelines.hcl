# A repository with two parts: each has a pipeline that starts only when its own files change. What they share stands in
# locals.hcl, since all files of the folder are one.
pipeline "backend" {
  on "push" {
    branches = ["main", "release/*", "feature/**"]
    paths    = ["backend/**", "go.{mod,sum}"]
  }
  job "test" {
    image   = local.images.go
    env     = local.quiet
    timeout = "20m"
    agent { labels = ["os=linux", "arch=amd64"] }
    activity "unit" { script = "cd backend && go test ./..." }
  }
  job "package" {
    needs = [job.test]
    image = local.images.go
    agent { labels = concat(["os=linux"], local.on_main ? ["disk=fast"] : []) }
    activity "build" {
      script  = "cd backend && go build -o ../bin/app ."
      timeout = "10m"
    }
  }
}

pipeline "docs" {
  on "push" { paths = ["docs/**", "!**/*.txt"] }
  job "check" {
    image = local.images.alpine
    activity "links" { script = "! grep -rn 'TODO' docs" }
  }
}
