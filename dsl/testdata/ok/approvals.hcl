pipeline "ci" {
  on "manual" {}
  job "build" {
    image = "alpine:3.20"
    output "v" { value = [1, "a", true] }
    activity "x" { script = "true" }
  }
  approval "skipped" {
    needs = [job.build]
    when  = event.actor == "somebody else"
  }
  approval "go" {
    needs     = [optional(approval.skipped)]
    approvers = [event.actor, "group:ops"]
    message   = "Deploy ${job.build.outputs.v[1]}, ${job.build.result}?"
  }
  job "deploy" {
    image = "alpine:3.20"
    env = { BY = upper(approval.go.by), AT = approval.go.at }
    activity "x" { script = "true" }
  }
  job "notify" {
    image = "alpine:3.20"
    run_on = "always"
    env    = { BY = coalesce(approval.go.by, "nobody"), R = job.deploy.result }
    activity "x" { script = "true" }
  }
}
