# event: pull_request fork
# secret: token
secret "token" {}
pipeline "ci" {
  on "pull_request" { target = ["main"] }
  job "test" {
    image = "alpine:3.20"
    env   = { TITLE = event.pull_request.title, N = event.pull_request.number }
    activity "x" { script = "true" }
  }
  job "deploy" {
    image = "alpine:3.20"
    activity "x" {
      env    = { T = secret.token }
      script = "true"
    }
  }
  job "each" {
    matrix { axes = { n = [1, 2] } }
    image = "alpine:3.20"
    env   = { T = secret.token, N = matrix.n }
    activity "x" { script = "true" }
  }
}
