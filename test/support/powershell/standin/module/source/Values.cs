// Values of PowerShell as JSON and back. An object of the module carries the name of its class as `$type`.
using System;
using System.Collections;
using System.Collections.Generic;
using System.Linq;
using System.Management.Automation;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Hyperfile.StandIn
{
    public static class Values
    {
        private const string TypeMark = "$type";

        public static JsonNode? ToJson(object? value)
        {
            while (value is PSObject wrapped && wrapped.BaseObject is not PSCustomObject) value = wrapped.BaseObject;
            return value switch
            {
                null => null,
                PSObject custom => Gather(custom.Properties.Select(property => (property.Name, (object?)property.Value))),
                string text => JsonValue.Create(text),
                bool flag => JsonValue.Create(flag),
                SwitchParameter flag => JsonValue.Create(flag.IsPresent),
                char letter => JsonValue.Create(letter.ToString()),
                Enum name => JsonValue.Create(name.ToString()),
                Guid or Version or TimeSpan or Uri => JsonValue.Create(value.ToString()!.ToUpperInvariant()),
                DateTime time => JsonValue.Create(time.ToUniversalTime().ToString("o")),
                PSCredential secret => new JsonObject
                {
                    [TypeMark] = "PSCredential",
                    ["UserName"] = secret.UserName,
                    ["Password"] = secret.GetNetworkCredential().Password,
                },
                IDictionary table => Gather(table.Keys.Cast<object>().Select(key => (key.ToString()!, table[key]))),
                IEnumerable list => new JsonArray(list.Cast<object?>().Select(ToJson).ToArray()),
                _ when value.GetType().IsPrimitive => JsonValue.Create(Convert.ToDecimal(value)),
                _ when IsModel(value.GetType()) => FromObject(value),
                // Nothing that the host knows.
                _ => JsonValue.Create(value.ToString()),
            };
        }

        public static object? FromJson(JsonNode? node) => node switch
        {
            null => null,
            JsonArray list => list.Select(FromJson).ToArray(),
            JsonObject table when table[TypeMark] is JsonNode name => ToObject((string)name!, table),
            JsonValue value when value.GetValueKind() == JsonValueKind.String => (string)value!,
            JsonValue value when value.GetValueKind() == JsonValueKind.Number => (long)value,
            JsonValue value => (bool)value,
            _ => throw new InvalidOperationException("an object of the stand-in names its type"),
        };

        /// <summary>The class that the module calls so.</summary>
        public static Type FindType(string name) => Types.Value[name];

        private static readonly Lazy<Dictionary<string, Type>> Types = new(() =>
            typeof(Values).Assembly.GetTypes().Where(IsModel).ToDictionary(type => type.Name));

        private static bool IsModel(Type type) => type.IsPublic && type.Namespace is "Microsoft.HyperV.PowerShell"
            or "Microsoft.Vhd.PowerShell" or "Microsoft.Dism.Commands" or "Hyperfile.StandIn.Cim"
            && !typeof(Exception).IsAssignableFrom(type) && !typeof(Cmdlet).IsAssignableFrom(type);

        private static JsonObject FromObject(object value)
        {
            var properties = value.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance);
            var table = Gather(properties.Select(property => (property.Name, property.GetValue(value))));
            table[TypeMark] = value.GetType().Name;
            return table;
        }

        private static JsonObject Gather(IEnumerable<(string Name, object? Value)> pairs)
        {
            var table = new JsonObject();
            foreach (var (name, value) in pairs) table[name] = ToJson(value);
            return table;
        }

        private static object ToObject(string name, JsonObject table)
        {
            object made = Activator.CreateInstance(FindType(name))!;
            foreach (var (key, value) in table)
                if (key != TypeMark)
                {
                    var property = made.GetType().GetProperty(key)
                        ?? throw new InvalidOperationException($"{name} has no property {key}");
                    property.SetValue(made, Fit(value, property.PropertyType));
                }
            if (made is not Cim.CimInstance) return made;
            // CIM objects are told apart by type names, which parameters ask for.
            var wrapped = new PSObject(made);
            wrapped.TypeNames.Insert(0, $"Microsoft.Management.Infrastructure.CimInstance#{name}");
            wrapped.TypeNames.Insert(0, $"Microsoft.Management.Infrastructure.CimInstance#ROOT/Microsoft/Windows/Storage/{name}");
            return wrapped;
        }

        private static object? Fit(JsonNode? value, Type type)
        {
            if (value is null) return null;
            type = Nullable.GetUnderlyingType(type) ?? type;
            if (type.IsArray)
            {
                var parts = value.AsArray().Select(part => Fit(part, type.GetElementType()!)).ToArray();
                var array = Array.CreateInstance(type.GetElementType()!, parts.Length);
                parts.CopyTo(array, 0);
                return array;
            }
            object? plain = FromJson(value);
            return type.IsInstanceOfType(plain)
                ? plain
                : LanguagePrimitives.ConvertTo(plain, type, System.Globalization.CultureInfo.InvariantCulture);
        }
    }
}
