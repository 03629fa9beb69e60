# What hcl and its functions forget of a value that is not known yet.
secret "tok" {}
pipeline "ci" {
  on "push" {}
  job "a" {
    image = "alpine:3.20"
    activity "a" { command = ["a", jsonencode({ (secret.tok) = 1 })] }
    activity "b" { command = ["a", jsonencode({ for k in [secret.tok] : k => 1 })] }
    activity "c" { command = ["a", jsonencode({ for k in [secret.tok] : k => 1... })] }
    activity "d" { command = ["a", {"x" = "y"}[secret.tok]] }
    activity "e" { command = ["a", ["x", "y"][length(secret.tok)]] }
    activity "f" { command = ["a", secret.tok == "x" ? "a" : "b"] }
    activity "g" { command = ["a", "%{ if secret.tok == "x" }a%{ endif }"] }
    activity "h" { command = ["a", "%{ for c in split("", secret.tok) }a%{ endfor }"] }
    activity "j" { command = ["a", join(",", [for x in ["a"] : x if secret.tok == "x"])] }
    activity "k" { command = ["a", one([secret.tok])] }
    activity "l" { command = ["a", tostring(contains(["a"], secret.tok))] }
    activity "m" { command = ["a", lookup({ a = "b" }, secret.tok, "c")] }
    activity "n" { command = ["a", coalesce(null, secret.tok)] }
    activity "o" { command = [for x in [secret.tok] : x] }
    activity "p" { command = ["a", keys({ "${secret.tok}" = 1 })[0]] }
    activity "q" { command = ["a", keys(zipmap([secret.tok], [1]))[0]] }
    activity "r" { command = ["a", format("%s", secret.tok)] }
    activity "s" { command = ["a", tostring(alltrue([secret.tok == "x"]))] }
  }
}
