activity "no_image" { script = "true" }
activity "d" {
  input "a" { type = string }
  input "b" { type = sting }
  input "c" { type = any }
  input "e" {
    type    = number
    default = "5"
  }
  input "f" {
    type = object({ x = optional(number, 1 + 1) })
  }
  input "g" {}
  output "o" {}
  image  = "alpine:${event.commit}"
  env    = { L = local.x, A = input.aa, V = var.v }
  script = "true"
}
locals { x = 1 }
pipeline "ci" {
  on "push" {}
  job "a" {
    activity "one" {
      use    = "def.d"
      script = "true"
    }
    activity "two" {
      use  = def.dd
      with = {}
    }
    activity "three" {
      use  = lib.nope.x
      with = {}
    }
    activity "four" {
      image  = "alpine:3.20"
      script = "true"
      with   = { a = 1 }
    }
    activity "five" { use = job.a }
  }
  job "values" {
    image = "alpine:3.20"
    env   = { A = def.d, B = lib.x.y }
    activity "x" { script = "true" }
  }
}
