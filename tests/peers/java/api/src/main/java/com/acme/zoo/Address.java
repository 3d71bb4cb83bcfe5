package com.acme.zoo;

import java.io.Serializable;

/** A nested value. */
public class Address implements Serializable {
    private static final long serialVersionUID = 1L;
    private String city;
    private int zip;

    public Address() {}

    public Address(String city, int zip) {
        this.city = city;
        this.zip = zip;
    }

    public String getCity() { return city; }
    public void setCity(String v) { city = v; }
    public int getZip() { return zip; }
    public void setZip(int v) { zip = v; }

    @Override public boolean equals(Object o) { return Fields.equal(this, o); }
    @Override public int hashCode() { return Fields.hash(this); }
    @Override public String toString() { return Fields.text(this); }
}
