#!/usr/bin/python3
"""A stand-in for systemd on a private bus, with the calls of org.freedesktop.systemd1(5) that osprey makes.

Prints "ready" when it owns the name; answers until it is killed. Needs python3-dbus and python3-gi.
"""

import sys

import dbus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

UNIT = "org.freedesktop.systemd1.Unit"
SERVICE = "org.freedesktop.systemd1.Service"

# id, description, load, active, sub, following, path, job id, job type, job path; then the properties.
UNITS = [
    (
        ("ssh.service", "OpenBSD Secure Shell server", "loaded", "active", "running", "",
         "/org/freedesktop/systemd1/unit/ssh_2eservice", 0, "", "/"),
        {UNIT: {"FragmentPath": "/lib/systemd/system/ssh.service", "SourcePath": "", "UnitFileState": "enabled"},
         SERVICE: {"User": ""}},
    ),
    (
        ("postgresql@15-main.service", "PostgreSQL Cluster 15-main", "loaded", "failed", "failed", "",
         "/org/freedesktop/systemd1/unit/postgresql_4015_2dmain_2eservice", 711, "start",
         "/org/freedesktop/systemd1/job/711"),
        {UNIT: {"FragmentPath": "/lib/systemd/system/postgresql@.service", "SourcePath": "",
                "UnitFileState": "enabled-runtime"},
         SERVICE: {"User": "postgres"}},
    ),
    (
        ("home.mount", "/home", "loaded", "active", "mounted", "", "/org/freedesktop/systemd1/unit/home_2emount", 0, "", "/"),
        {UNIT: {"FragmentPath": "/run/systemd/generator/home.mount", "SourcePath": "/etc/fstab",
                "UnitFileState": "generated"}},
    ),
]


class Manager(dbus.service.Object):
    @dbus.service.method("org.freedesktop.systemd1.Manager", out_signature="a(ssssssouso)")
    def ListUnits(self):
        return [dbus.Struct(row, signature="ssssssouso") for row, _ in UNITS]


class Unit(dbus.service.Object):
    def __init__(self, connection, path, properties):
        super().__init__(connection, path)
        self.properties = properties

    @dbus.service.method("org.freedesktop.DBus.Properties", in_signature="ss", out_signature="v")
    def Get(self, interface, name):
        try:
            return self.properties[interface][name]
        except KeyError:
            raise dbus.exceptions.DBusException("no such property", name="org.freedesktop.DBus.Error.UnknownProperty")


def main():
    dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
    connection = dbus.bus.BusConnection(sys.argv[1])
    objects = [Manager(connection, "/org/freedesktop/systemd1")]
    objects += [Unit(connection, row[6], properties) for row, properties in UNITS]
    name = dbus.service.BusName("org.freedesktop.systemd1", connection)
    print("ready", name.get_name(), flush=True)
    GLib.MainLoop().run()


main()
