secret "maybe" { optional = true }
pipeline "ci" {
  on "push" {}
  job "a" {
    image = "alpine:3.20"
    when  = event.branch == "main"
    activity "sometimes" {
      when   = event.branch == "main"
      script = "true"
      output "v" { type = string }
    }
    activity "careless" {
      allow_failure = true
      script        = "true"
      output "v" { type = string }
    }
    activity "reader" {
      env    = { A = "a-${activity.sometimes.outputs.v}", B = coalesce(activity.careless.outputs.v, "none") }
      script = "true"
    }
    activity "last" {
      run_on = "always"
      env    = { A = "b-${activity.careless.outputs.v}", S = "s-${secret.maybe}" }
      script = "true"
    }
    output "v" { value = activity.careless.outputs.v }
  }
  job "m" {
    matrix { axes = { n = [1, 2] } }
    when  = matrix.n == 1
    image = "alpine:3.20"
    activity "x" {
      script = "true"
      output "v" { type = string }
    }
    output "v" { value = activity.x.outputs.v }
  }
  job "optional" {
    needs = [optional(job.a)]
    image = "alpine:3.20"
    env   = { A = "c-${job.a.outputs.v}", R = "r-${job.a.result}", M = join(",", [for e in job.m.each : "d-${e.outputs.v}"]) }
    activity "x" { script = "true" }
  }
}
