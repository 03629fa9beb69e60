variable "v" { type = string }
locals { a = job.a.result }
registry "r.example.com" {
  username = job.a.result
  password = "x"
}
pipeline "ci" {
  on "push" { branches = [var.v] }
  concurrency { group = job.a.result }
  job "a" {
    image = "alpine:3.20"
    activity "x" {
      script = "true"
      output "v" { type = string }
    }
    output "v" { value = activity.x.outputs.v }
  }
  job "b" {
    environment = job.a.outputs.v
    image       = "alpine:3.20"
    matrix { axes = { x = split(",", job.a.outputs.v), y = [matrix.x] } }
    timeout = matrix.x
    env     = { X = jsondecode(job.a.outputs.v).x, F = file(job.a.outputs.v), A = activity.x.result }
    activity "x" {
      script        = "true"
      allow_failure = activity.y.result == ""
      workdir       = job.a.result
    }
  }
}
