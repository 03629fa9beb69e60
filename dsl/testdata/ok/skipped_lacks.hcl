# settings:
# What does not run needs no variables and secrets.
variable "url" { type = string }
secret "key" {}
pipeline "ci" {
  on "push" {}
  job "a" {
    when  = event.branch == "release"
    image = "alpine:3.20"
    env   = { URL = var.url, KEY = secret.key, N = 1 / (length(event.actor) - 4) }
    activity "x" { script = "true" }
  }
  job "b" {
    image = "alpine:3.20"
    activity "x" {
      when    = event.branch == "release"
      command = ["x", var.url]
    }
  }
  approval "c" {
    when    = event.branch == "release"
    message = "${var.url}, ${job.a.result}"
  }
  job "d" {
    matrix { axes = { n = [1, 2] } }
    when  = event.branch == "release"
    image = "alpine:3.20"
    env   = { A = job.a.result }
    activity "x" { script = "true" }
  }
}
