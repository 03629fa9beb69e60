pipeline "ci" {
  on "push" {}
  job "lint" {
    activity "x" {
      image  = "alpine:3.20"
      script = "true"
    }
  }
  job "a" {
    image = "alpine:3.20"
    needs = [job.lint, job.c]
    activity "x" { script = "true" }
  }
  job "b" {
    image = "alpine:3.20"
    needs = [job.a]
    activity "x" { script = "true" }
  }
  job "c" {
    image = "alpine:3.20"
    needs = [job.b]
    activity "x" { script = "true" }
  }
}
