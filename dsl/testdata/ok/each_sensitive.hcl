# What a job with a matrix puts out is a secret only in part.
secret "token" { optional = true }
pipeline "ci" {
  on "push" {}
  job "build" {
    image = "alpine:3.20"
    matrix { axes = { os = ["a", "b"] } }
    activity "x" {
      script = "true"
      output "digest" { type = string }
      output "key" {
        type      = string
        sensitive = true
      }
    }
    output "digest" { value = activity.x.outputs.digest }
    output "key" {
      value     = activity.x.outputs.key
      sensitive = true
    }
  }
  job "sign" {
    image = "alpine:3.20"
    matrix { axes = { digest = [for r in job.build.each : r.outputs.digest], os = job.build.each[*].matrix.os } }
    when = length(job.build.each) > 0 && job.build.each[0].result == "passed"
    activity "x" {
      env     = { KEYS = join(",", [for r in job.build.each : r.outputs.key]) }
      command = ["sign", matrix.digest, join(",", [for i, r in job.build.each : "${i}${r.matrix.os}" if r.result == "passed"])]
    }
  }
}
