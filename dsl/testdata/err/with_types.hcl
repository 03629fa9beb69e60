activity "d" {
  input "n" { type = number }
  input "l" { type = list(string) }
  input "o" { type = object({ a = string, b = object({ c = number }), d = optional(list(object({ e = string }))) }) }
  input "m" {
    type    = map(number)
    default = {}
  }
  image  = "alpine:3.20"
  script = "true"
  output "out" { type = list(number) }
}
pipeline "ci" {
  on "push" {}
  job "a" {
    activity "text_for_number" {
      use  = def.d
      with = { n = "5", l = "x", o = { a = "x", b = { c = "1" } } }
    }
    activity "lacks" {
      use  = def.d
      with = { n = 5, l = [1, true], o = { a = "x" }, m = { x = "y" } }
    }
    activity "extra" {
      use  = def.d
      with = { n = 5, l = [], o = { a = "x", b = { c = 1, cc = 2 }, d = [{ e = "1", f = 1 }] } }
    }
    activity "nothing" {
      use  = def.d
      with = "x"
    }
    activity "null" {
      use  = def.d
      with = { n = null, l = activity.extra.outputs.out, o = { a = activity.extra.outputs.out, b = { c = 1 } } }
    }
  }
}
