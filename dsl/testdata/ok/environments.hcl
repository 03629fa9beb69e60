# var: url=https://example.com
# var: staging/url=https://staging.example.com
# var: replicas=2
# secret: staging/key
# secret: production/key
variable "url" { type = string }
variable "replicas" {
  type    = number
  default = 1
}
secret "key" {}
locals { health = "${var.url}/health" }
pipeline "ci" {
  on "push" {}
  job "plain" {
    image = "alpine:3.20"
    env = { HEALTH = local.health, N = var.replicas }
    activity "x" { script = "true" }
  }
  job "deploy" {
    matrix { axes = { to = ["staging", "production"] } }
    environment = matrix.to
    image       = "alpine:3.20"
    activity "x" {
      env    = { HEALTH = local.health, KEY = secret.key }
      script = "true"
    }
  }
}
