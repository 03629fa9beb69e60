tutti {
  language = 1
  server   = ">= 1.2"
}
secret "token" {}
variable "x" { type = string }
pipeline "ci" {
  on "push" {}
  on "pull_request" {}
  on "schedule" { cron = "* * * * *" }
  concurrency { group = "x" }
  job "a" {
    image  = "alpine:3.20"
    run_on = "always"
    matrix {
      axes = { go = ["1.25", "1.26"] }
    }
    cache "go" {}
    activity "x" {
      use     = def.y
      retries = 3
      command = ["echo", secret.token, matrix.go, job.b.outputs.v, event.pull_request, run.number]
      output "v" { type = string }
    }
  }
}
