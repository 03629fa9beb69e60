pipeline "ci" {
  on "push" {}
  job "a" {
    image = "alpine:3.20"
    activity "x" {
      script = "true"
      output "s" { type = string }
      output "n" { type = number }
      output "b" { type = bool }
      output "l" { type = list(object({ name = string, port = optional(number, 80) })) }
      output "m" { type = map(list(string)) }
      output "e" { type = set(number) }
    }
    output "s" { value = "v${activity.x.outputs.s}" }
    output "n" { value = activity.x.outputs.n + 1 }
    output "b" { value = !activity.x.outputs.b }
    output "l" { value = activity.x.outputs.l }
    output "m" { value = activity.x.outputs.m }
    output "e" { value = activity.x.outputs.e }
    output "o" { value = { a = activity.x.outputs.n, b = [activity.x.outputs.s] } }
    output "t" { value = [activity.x.outputs.s, "x"] }
    output "c" { value = activity.x.outputs.b ? "yes" : "no" }
    output "const" { value = 5 }
  }
  job "b" {
    image = "alpine:3.20"
    env = {
      S = job.a.outputs.s
      N = job.a.outputs.n * 2
      B = job.a.outputs.b
      L = job.a.outputs.l[0].port + 1
      M = join(",", job.a.outputs.m["k"])
      E = length(job.a.outputs.e)
      O = job.a.outputs.o.b[0]
      T = join("", job.a.outputs.t)
      C = upper(job.a.outputs.c)
      X = job.a.outputs.const
    }
    activity "x" { script = "true" }
  }
}
