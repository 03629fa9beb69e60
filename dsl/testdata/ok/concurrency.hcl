# event: push branch feature/x
pipeline "ci" {
  on "push" {}
  concurrency {
    group  = "ci-${coalesce(event.branch, event.tag, "none")}"
    policy = "cancel_running"
  }
  job "a" {
    image = "alpine:3.20"
    concurrency { group = "a" }
    activity "x" { script = "true" }
  }
  job "b" {
    matrix { axes = { n = [1, 2] } }
    concurrency {
      group  = "b-${matrix.n}"
      policy = "queue"
    }
    image = "alpine:3.20"
    activity "x" { script = "true" }
  }
}
