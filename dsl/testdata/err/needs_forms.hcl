pipeline "ci" {
  on "push" {}
  job "a" {
    image = "alpine:3.20"
    needs = job.a
    activity "x" { script = "true" }
  }
  job "b" {
    image = "alpine:3.20"
    needs = [a, optional(job.a), approval.go, event.branch, job.a.outputs, 5]
    activity "x" { script = "true" }
  }
}
