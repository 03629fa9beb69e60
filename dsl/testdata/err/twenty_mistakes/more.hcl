pipeline "more" {
  on "push" {}
  on "pull_request" {}

  approval "release" {}

  job "test" {
    image = "alpine:3.20"
    activity "x" { script = "true" }
  }

  job "r" {
    when  = job.test.result
    image = "alpine:3.20"
    activity "u" {
      when   = event.branch == 1
      env    = { L = [1, 2] }
      script = "true"
    }
  }

  job "m" {
    matrix { axes = { go = ["1.25", 1.26] } }
    image = "alpine:3.20"
    cache "c" {
      path = "/c"
      key  = "k-${activity.go.outputs.z}"
    }
    activity "go" {
      image  = "alpine:${secret.registry_token}"
      script = "echo ${event.commit}"
      output "z" { type = string }
    }
  }

  job "pr" {
    when  = event.pull_request.title != ""
    image = "alpine:3.20"
    activity "x" { script = "true" }
  }

  job "notify" {
    run_on = "always"
    image  = "alpine:3.20"
    activity "chat" {
      env    = { TEXT = "by ${approval.release.by}" }
      script = "true"
    }
  }
}

pipeline "cyc" {
  on "manual" {}
  job "a" {
    needs = [job.c]
    image = "alpine:3.20"
    activity "x" { script = "true" }
  }
  job "b" {
    image = "alpine:3.20"
    env   = { A = job.a.result }
    activity "x" { script = "true" }
  }
  job "c" {
    needs = [job.b]
    image = "alpine:3.20"
    activity "x" { script = "true" }
  }
}
