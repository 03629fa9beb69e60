# settings:
secret "token" { optional = true }
pipeline "ci" {
  on "push" {}
  job "a" {
    image = "alpine:3.20"
    env = { TOKEN = coalesce(secret.token, "none") }
    activity "x" { script = "true" }
  }
}
