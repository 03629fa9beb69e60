# What the instances of a matrix put out, collected in every way that expressions have.
pipeline "ci" {
  on "push" {}
  job "m" {
    matrix { axes = { os = ["linux", "darwin"], n = [1, 2] } }
    image = "alpine:3.20"
    activity "x" {
      script = "true"
      output "size" { type = number }
      output "tags" { type = set(string) }
      output "key" {
        type      = string
        sensitive = true
      }
    }
    output "size" { value = activity.x.outputs.size * 2 }
    output "tags" { value = activity.x.outputs.tags }
  }
  job "keys" {
    matrix { axes = { n = [1, 2] } }
    image = "alpine:3.20"
    activity "x" {
      script = "true"
      output "key" {
        type      = string
        sensitive = true
      }
    }
    output "key" {
      value     = activity.x.outputs.key
      sensitive = true
    }
  }
  job "sum" {
    image = "alpine:3.20"
    env = {
      SPLAT = join(",", [for s in job.m.each[*].outputs.size : tostring(s)])
      SUM   = sum([for r in job.m.each : r.outputs.size if r.result == "passed"])
      MAX   = max([for r in job.m.each : r.outputs.size]...)
      TEXT  = "%{for r in job.m.each}${r.matrix.os}-${r.matrix.n};%{endfor}"
      JSON  = jsonencode({ for r in job.m.each : "${r.matrix.os}-${r.matrix.n}" => r.outputs.tags })
      FIRST = job.m.each[0].matrix.os
      KEYS  = join(",", [for r in job.keys.each : r.outputs.key])
      COUNT = length(job.m.each)
    }
    activity "x" { script = "true" }
    output "by_os" { value = { for r in job.m.each : r.matrix.os => r.outputs.size... } }
    output "all" { value = [for r in job.m.each : { os = r.matrix.os, ok = r.result == "passed" }] }
  }
  job "again" {
    matrix { axes = { item = job.sum.outputs.all, os = keys(job.sum.outputs.by_os) } }
    image = "alpine:3.20"
    activity "x" { command = ["x", matrix.item.os, tostring(matrix.item.ok), matrix.os] }
  }
}
