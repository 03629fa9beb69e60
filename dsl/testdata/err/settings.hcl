# settings:
# var: number=many
# var: list=[1]
# var: checked=3
# secret: staging/token
variable "missing" { type = string }
variable "number" { type = number }
variable "list" { type = list(string) }
variable "checked" {
  type = number
  check {
    condition = var.checked > 5
    message   = "More than five, please."
  }
}
secret "token" {}
pipeline "ci" {
  on "push" {}
  job "a" {
    image = "alpine:3.20"
    env   = { A = var.missing, B = var.number, C = join(",", var.list), D = var.checked, T = secret.token }
    activity "x" { script = "true" }
  }
  job "b" {
    environment = "staging"
    image       = "alpine:3.20"
    env         = { A = var.missing, T = secret.token }
    activity "x" { script = "true" }
  }
}
