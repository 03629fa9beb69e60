# event: pull_request
pipeline "ci" {
  on "pull_request" {}
  on "push" { branches = ["main"] }
  job "a" {
    image = "alpine:3.20"
    env = { TITLE = event.kind == "pull_request" ? event.pull_request.title : event.message, NUMBER = event.pull_request == null ? 0 : event.pull_request.number }
    activity "x" { script = "true" }
  }
  job "b" {
    image = "alpine:3.20"
    when = event.kind == "pull_request" ? event.pull_request.from_fork : true
    activity "x" { script = "true" }
  }
}
