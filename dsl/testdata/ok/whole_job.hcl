# Every block and argument of a job and of an activity.
# var: region=eu
# var: staging/region=us
# secret: token
variable "region" { type = string }
variable "zones" {
  type    = list(string)
  default = ["a", "b"]
  check {
    condition = length(var.zones) > 1
    message   = "Two zones at least."
  }
}
variable "unused" { type = number }
secret "token" {}
secret "extra" { optional = true }
registry "registry.example.com:5000" {
  username = "robot"
  password = secret.token
}
locals { place = "${var.region}-${var.zones[0]}" }
pipeline "ci" {
  description = "All of it"
  on "push" {}
  concurrency {
    group  = "ci-${event.branch == null ? "none" : event.kind}"
    policy = "cancel_waiting"
  }
  job "a" {
    description = "All of a job"
    image       = "alpine:3.20"
    env         = { TOKEN = secret.token, A = 1 }
    environment = "staging"
    timeout     = "2h"
    agent {
      labels = ["pool=big"]
      os     = "linux"
      arch   = "arm64"
      cpu    = 0.5
      memory = "512MiB"
    }
    concurrency { group = "deploy" }
    workspace {
      checkout   = true
      depth      = 0
      submodules = true
    }
    service "db" {
      image   = "postgres:17"
      env     = { PASSWORD = secret.token }
      command = ["postgres"]
      ready   = ["pg_isready"]
    }
    cache "c" {
      path    = "/cache"
      key     = "k-${local.place}"
      restore = ["k-"]
    }
    activity "x" {
      description   = "All of an activity"
      script        = "true"
      shell         = "bash"
      env           = { PLACE = local.place, EXTRA = coalesce(secret.extra, "") }
      timeout       = "5m"
      retries       = 1
      allow_failure = true
      workdir       = "sub/folder"
      user          = "1000:1000"
      output "v" { type = map(number) }
      output "key" {
        type      = string
        sensitive = true
      }
      report "junit" { path = "**/*.xml" }
    }
    artifact "f" {
      paths        = ["dist/**", "!dist/*.tmp"]
      keep         = "7d"
      when_missing = "warn"
    }
    output "key" {
      value     = coalesce(activity.x.outputs.key, "none")
      sensitive = true
    }
  }
  approval "go" {
    description = "All of an approval"
    needs       = [job.a]
    when        = var.region == "eu"
    approvers   = ["dana", "group:release"]
    message     = "Go to ${local.place}?"
    timeout     = "48h"
  }
  job "b" {
    needs = [approval.go]
    image = "alpine:3.20"
    workspace {
      checkout = false
      unpack   = { "dist" = job.a.artifacts.f, "." = job.a.artifacts.f }
    }
    activity "y" {
      env     = { KEY = job.a.outputs.key, BY = approval.go.by }
      command = ["true"]
    }
  }
}
