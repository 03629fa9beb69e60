pipeline "ci" {
  on "push" {}
  job "build" {
    image = "alpine:3.20"
    matrix { axes = { os = ["a", "b"] } }
    activity "x" {
      script = "true"
      output "key" {
        type      = string
        sensitive = true
      }
    }
    output "os" { value = matrix.os }
    output "key" {
      value     = activity.x.outputs.key
      sensitive = true
    }
  }
  job "a" {
    image = "alpine:3.20"
    matrix { axes = { keys = [for r in job.build.each : r.outputs.key] } }
    activity "x" {
      env     = { KEY = matrix.keys, KYE = matrix.kyes }
      command = ["a", jsonencode(job.build.each)]
    }
    activity "b" { command = ["b", jsonencode([for r in job.build.each : r])] }
    activity "c" { command = ["c", jsonencode(job.build.each[*].outputs)] }
    activity "d" { command = ["d", jsonencode([for r in job.build.each : values(r.outputs)])] }
    activity "e" { command = ["e", job.build.each[0]["outputs"]["key"]] }
    activity "f" { command = ["f", jsonencode(job.build.each[*])] }
    activity "g" { command = ["g", jsonencode([for r in [for q in job.build.each : q] : r.outputs])] }
    activity "h" { command = ["h", job.build.each[0].outputs[matrix.keys]] }
    activity "i" { command = ["i", one([for r in job.build.each : jsonencode(r)])] }
  }
}
