# What is optional has a substitute, or a default.
activity "d" {
  input "o" { type = object({ a = string, b = optional(string), c = optional(number, 1), l = optional(list(string)) }) }
  image  = "alpine:${input.o.a}"
  env    = { B = coalesce(input.o.b, "none"), C = input.o.c + 1, D = input.o.b == null ? "" : upper(input.o.b), L = join(",", coalesce(input.o.l, [])) }
  script = "true"
}
pipeline "a" {
  on "push" {}
  job "list" {
    image = "alpine:3.20"
    activity "x" {
      script = "true"
      output "o" { type = object({ a = string, b = optional(number) }) }
    }
    activity "y" {
      when   = activity.x.outputs.o.b != null && activity.x.outputs.o.a != ""
      env    = { B = jsonencode(activity.x.outputs.o), C = activity.x.outputs.o.b != null ? activity.x.outputs.o.b : 0 }
      script = "true"
    }
    activity "z" {
      use  = def.d
      with = { o = { a = "x", b = activity.x.outputs.o.a } }
    }
    output "a" { value = activity.x.outputs.o.a }
    output "b" { value = coalesce(activity.x.outputs.o.b, 2) }
  }
  job "next" {
    image = "alpine:3.20"
    env   = { B = job.list.outputs.b, A = job.list.outputs.a }
    activity "x" { script = "true" }
  }
}
