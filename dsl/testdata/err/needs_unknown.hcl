pipeline "ci" {
  on "push" {}
  job "a" {
    image = "alpine:3.20"
    activity "x" { script = "true" }
  }
  job "test" {
    image = "alpine:3.20"
    needs = [job.a, job.tset, job.a]
    activity "x" { script = "true" }
  }
}
