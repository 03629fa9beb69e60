pipeline "ci" {
  on "push" {}
  job "a" {
    image = "alpine:3.20"
    needs = [job.a]
    activity "x" { script = "true" }
  }
}
