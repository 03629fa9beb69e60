pipeline "ci" {
  description = "Defaults of a job reach its activities."
  on "push" {}
  job "a" {
    description = "all of it"
    image       = "golang:1.26"
    env         = { GOFLAGS = "-mod=mod", JOB = "a", N = 5, DEBUG = false }
    timeout     = "2d"
    agent { labels = ["arch=arm64", "gpu=h100"] }
    activity "one" { script = "go vet ./..." }
    activity "two" {
      image   = "alpine:3.20"
      command = ["echo", "a b", "$HOME"]
      env     = { JOB = "two" }
      timeout = "90s"
    }
  }
}
