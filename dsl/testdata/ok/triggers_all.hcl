# event: schedule branch main
# pipeline: all
pipeline "all" {
  on "push" {}
  on "pull_request" {}
  on "schedule" {
    cron     = "30 4 * * 1-5"
    timezone = "Europe/Berlin"
  }
  on "schedule" { cron = "0 0 1 * *" }
  on "manual" {}
  on "pipeline" { source = "other" }
  input "n" {
    type    = list(number)
    default = [1, 2]
  }
  job "a" {
    image = "alpine:3.20"
    env = {
      PR      = event.kind == "pull_request" ? event.pull_request.title : "none"
      BRANCH  = coalesce(event.branch, event.tag, "none")
      CHANGED = join(",", coalesce(event.changed, []))
      SUM     = sum(input.n)
    }
    activity "x" { script = "true" }
  }
}
pipeline "other" {
  on "manual" {}
  job "a" {
    image = "alpine:3.20"
    activity "x" { script = "true" }
  }
}
