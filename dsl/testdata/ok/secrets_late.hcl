# Secrets and sensitive outputs, through everything that lets them pass.
# secret: user
# secret: password
secret "user" {}
secret "password" {}
pipeline "ci" {
  on "push" {}
  job "login" {
    image = "alpine:3.20"
    activity "sign" {
      env    = { AUTH = base64encode("${secret.user}:${secret.password}"), BOTH = join(",", [secret.user, upper(secret.password)]) }
      script = "true"
      output "ticket" {
        type      = object({ id = string, uses = number })
        sensitive = true
      }
    }
    activity "use" {
      when   = activity.sign.result == "passed"
      env    = { TICKET = jsonencode(activity.sign.outputs.ticket), ID = activity.sign.outputs.ticket.id }
      script = "true"
    }
    output "ticket" {
      value     = activity.sign.outputs.ticket.id
      sensitive = true
    }
  }
  job "use" {
    image = "alpine:3.20"
    env   = { ID = job.login.outputs.ticket }
    activity "x" { script = "true" }
  }
}
