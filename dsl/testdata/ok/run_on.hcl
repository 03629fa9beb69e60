pipeline "ci" {
  on "push" {}
  job "a" {
    image = "alpine:3.20"

    activity "x" { script = "true" }
  }
  job "undo" {
    image = "alpine:3.20"
    needs  = [job.a]
    run_on = "failed"
    activity "x" { script = "true" }
  }
  job "after" {
    image = "alpine:3.20"
    needs  = [job.a, optional(job.undo)]
    activity "x" { script = "true" }
  }
  job "always" {
    image = "alpine:3.20"
    needs  = [job.after]
    run_on = "always"
    env    = { R = job.a.result }
    activity "x" { script = "true" }
  }
}
