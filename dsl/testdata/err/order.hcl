pipeline "ci" {
  on "push" {}
  job "a" {
    image = "alpine:3.20"
    env   = { V = activity.first.outputs.v }
    activity "first" {
      script = "true"
      env    = { V = activity.second.outputs.v, W = activity.first.outputs.v, X = activity.frist.result }
      output "v" { type = string }
    }
    activity "second" {
      script = "true"
      env    = { V = activity.first.outputs.w, W = activity.first.output, X = activity.first }
    }
    output "o" { value = activity.second.outputs.v }
  }
  job "self" {
    image = "alpine:3.20"
    env   = { R = job.self.result }
    activity "x" { script = "true" }
  }
}
