# Every place that shows what it holds.
secret "token" {}
locals { l = secret.token }
activity "plain" {
  input "value" { type = string }
  input "sensitive" {
    type      = string
    sensitive = true
  }
  image   = "alpine:${input.sensitive}"
  command = ["echo", input.sensitive]
  env     = { OK = input.sensitive }
}
pipeline "ci" {
  on "push" {}
  concurrency { group = secret.token }
  job "a" {
    image   = "alpine:3.20"
    when    = secret.token != ""
    timeout = secret.token
    agent { labels = ["a=${secret.token}"] }
    matrix { axes = { t = [secret.token] } }
    cache "c" {
      path = "/c"
      key  = secret.token
    }
    activity "x" {
      use  = def.plain
      with = { value = "a-${upper(secret.token)}", sensitive = secret.token }
    }
    activity "y" {
      command = ["echo", secret.token]
      when    = secret.token == "x"
    }
    activity "z" {
      script = "true"
      output "s" {
        type      = string
        sensitive = true
      }
    }
    output "o" { value = activity.z.outputs.s }
  }
  job "b" {
    image = "alpine:3.20"
    activity "x" {
      env    = { OK = [for c in [secret.token] : c][0] }
      script = "true"
    }
    output "o" {
      value     = secret.token
      sensitive = true
    }
  }
  approval "go" { message = "with ${job.b.outputs.o}" }
}
