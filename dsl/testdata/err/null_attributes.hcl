activity "d" {
  input "o" { type = object({ a = string, b = optional(string), n = optional(object({ c = optional(bool), d = string }), { d = "x" }) }) }
  image  = "alpine:${input.o.a}"
  env    = { B = input.o.b, C = "x-${input.o.b}", D = input.o.n.d, E = input.o.n.c }
  script = "true"
}
variable "v" {
  type    = object({ a = optional(string) })
  default = {}
  check {
    condition = startswith(var.v.a, "x")
    message   = "x"
  }
}
pipeline "a" {
  on "push" {}
  job "list" {
    image = "alpine:3.20"
    env   = { V = upper(var.v.a) }
    activity "x" {
      script = "true"
      output "o" { type = object({ a = string, b = optional(number) }) }
    }
    activity "y" {
      env    = { A = activity.x.outputs.o.a, B = activity.x.outputs.o.b }
      script = "true"
    }
    output "b" { value = activity.x.outputs.o.b }
  }
}
